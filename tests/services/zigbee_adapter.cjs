// For Zigbee2MQTT, loaded before it: a Zigbee adapter without a radio. Its devices are switches,
// which are on or off, and answer at once.
const { Adapter } = require("zigbee-herdsman/dist/adapter");
const Zcl = require("zigbee-herdsman/dist/zspec/zcl");

const BOOLEAN = 16;

class Fake extends Adapter {
  isOn = new Map(); // by network address

  async start() { return "resumed"; }
  async stop() {}
  async getCoordinatorIEEE() { return "0x00124b0000000001"; }
  async getCoordinatorVersion() { return { type: "fake", meta: { revision: 1 } }; }
  async supportsBackup() { return false; }
  async getNetworkParameters() {
    return { panID: 6754, extendedPanID: "0xdddddddddddddddd", channel: 11, nwkUpdateID: 0 };
  }
  async permitJoin() {}
  waitFor() { return { promise: new Promise(() => {}), cancel() {} }; }
  async sendZdo() { throw Error("there is no radio"); }
  async sendZclFrameToGroup() {}
  async sendZclFrameToAll() {}

  async sendZclFrameToEndpoint(_ieee, address, endpoint, request, _timeout, noAnswer) {
    const command = request.command.name;
    const answer = (id, body) => {
      const frame = Zcl.Frame.create(0, 1, true, undefined,
        request.header.transactionSequenceNumber, id, request.cluster.name, body, {});
      const payload = {
        clusterID: request.cluster.ID, header: frame.header, data: frame.toBuffer(), address,
        endpoint, linkquality: 100, groupID: 0, wasBroadcast: false, destinationEndpoint: 1,
      };
      setImmediate(() => this.emit("zclPayload", payload));
      return payload;
    };
    if (command === "read") {
      return answer("readRsp", request.payload.map(({ attrId }) => ({
        attrId, status: 0, dataType: BOOLEAN, attrData: +Boolean(this.isOn.get(address)),
      })));
    }
    if (command === "on" || command === "off") this.isOn.set(address, command === "on");
    if (!noAnswer) return answer("defaultRsp", { cmdId: request.command.ID, statusCode: 0 });
  }
}

Adapter.create = async (...all) => new Fake(...all);
