// A microservice of NestJS: nest_service.cjs PORT. Decorators are functions, so no TypeScript.
require("reflect-metadata");
const { NestFactory } = require("@nestjs/core");
const { Module } = require("@nestjs/common");
const { MessagePattern, RpcException, Transport } = require("@nestjs/microservices");
const { of } = require("rxjs");

class Sums {
  sum(numbers) {
    if (!numbers.every(Number.isFinite)) throw new RpcException("these are no numbers");
    return numbers.reduce((a, b) => a + b, 0);
  }
  count(to) {
    return of(...Array.from({ length: to }, (_, n) => n + 1));
  }
}
for (const name of ["sum", "count"])
  MessagePattern(`math/${name}`)(Sums.prototype, name,
    Object.getOwnPropertyDescriptor(Sums.prototype, name));

class App {}
Module({ controllers: [Sums] })(App);

NestFactory.createMicroservice(App, {
  transport: Transport.MQTT, options: { url: `mqtt://127.0.0.1:${process.argv[2]}` },
}).then((app) => app.listen());
