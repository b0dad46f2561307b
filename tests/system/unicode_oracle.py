"""What the actions do to a text, computed without ICU: from Python's own case mappings and the
`regex` module's grapheme clusters and word boundaries. Pure functions."""

import collections

import regex

SIGMA = "\N{GREEK CAPITAL LETTER SIGMA}"


def clusters(text):
    """Extended grapheme clusters (UAX #29)."""
    return regex.findall(r"\X", text)


def _lower_at(text, index):
    """The lower case of one character; only the sigma's depends on what is around it."""
    if text[index] == SIGMA:
        return text.lower()[len(text[:index].lower())]
    return text[index].lower()


def title_case(text):
    """Each word (UAX #29) with its first letter or digit in title case, the rest in lower case."""
    result = []
    start = 0
    for end in [match.start() for match in regex.finditer(r"(?w)\b", text) if match.start()]:
        result.append(_title_word(text, start, end))
        start = end
    result.append(text[start:])
    return "".join(result)


def _title_word(text, start, end):
    first = start
    while first < end and not regex.match(r"[\p{L}\p{N}\p{S}\p{Co}]", text[first]):
        first += 1
    if first == end:
        return text[start:end]
    rest = "".join(_lower_at(text, index) for index in range(first + 1, end))
    return text[start:first] + text[first].title() + rest


EXACT = {
    "uppercase": str.upper,
    "lowercase": str.lower,
    "title-case": title_case,
    "reverse": lambda text: "".join(reversed(clusters(text))),
}


def is_shuffled(text, answer):
    """Whether `answer` is the clusters of `text` in some order. They are looked for one after the
    other, with backtracking: clusters that meet may join into one, and one may begin another."""
    left = collections.Counter(clusters(text))
    kin = collections.defaultdict(list)  # clusters by their first character, the longest first
    for cluster in sorted(left, key=len, reverse=True):
        kin[cluster[0]].append(cluster)

    def untried(position):
        return iter(kin.get(answer[position:position + 1], ()))

    taken = []
    choices = [untried(0)]
    position = 0
    while True:
        if position == len(answer):
            return not any(left.values())
        for cluster in choices[-1]:
            if left[cluster] and answer.startswith(cluster, position):
                left[cluster] -= 1
                taken.append(cluster)
                position += len(cluster)
                choices.append(untried(position))
                break
        else:
            if not taken:
                return False
            choices.pop()
            cluster = taken.pop()
            left[cluster] += 1
            position -= len(cluster)


def is_answer(action, text, answer):
    if action == "shuffle":
        return is_shuffled(text, answer)
    return EXACT[action](text) == answer
