// The words of the interface, in plain ones.
"use strict";

const rules = {
  "correlation": "its Correlation Data: MQTT 5 says which call it answers",
  "content": "its content: an answer that no other call could have",
  "folded-content": "its content, but for upper and lower case",
  "turn": "being the only call out on its response topic",
  "topic": "its topic, which only this call has",
  "id": "this call's id in the answer",
  "acknowledgement": "nothing: this route waits for no answer, the broker took the message",
};
const links = {
  "topic": "a response topic of its own",
  "id": "an id in the answer",
  "turns": "taking turns on the response topic",
};
const reasons = {
  "retained": "a retained message is never an answer",
  "foreign-topic": "no call has this response topic",
  "unknown-correlation": "its Correlation Data is that of no waiting call",
  "wrong-topic": "it came to another topic than its call's, or before the request was sent",
  "late": "its call had ended before",
  "unmatched": "no waiting call can have this answer",
  "unchecked": "without Correlation Data, and too large to compare",
  "interim": "its call waits for a further answer",
  "own": "it is a request of this bridge, come back on the response topic",
  "too-large": "it is larger than an answer may be",
  "inbox-full": "more messages came than could be handled",
};
