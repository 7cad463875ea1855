// Checks that print a line each, and end the program where one fails; and a way to the database, through the test that runs the program.
'use strict';

const assert = require('node:assert');
const path = require('node:path');
const readline = require('node:readline');
const grpc = require('@grpc/grpc-js');
const loader = require('@grpc/proto-loader');

const PATIENCE = 20_000;
const [protos, address] = process.argv.slice(2);
const answers = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

function deadline() {
  return { deadline: Date.now() + PATIENCE };
}

// The clients of a .proto file's package.
function load(file, namespace) {
  const loaded = grpc.loadPackageDefinition(loader.loadSync(path.join(protos, file), { longs: Number, enums: String, defaults: true, includeDirs: [protos] }));
  return namespace.split('.').reduce((scope, name) => scope[name], loaded);
}

function connect(Client) {
  return new Client(address, grpc.credentials.createInsecure());
}

function fail(line) {
  console.log(`FAILED ${line}`);
  process.exit(1);
}

// Asserts that two values are equal.
function check(what, actual, expected) {
  try {
    assert.deepStrictEqual(actual, expected);
  } catch {
    fail(`${what}: expected ${JSON.stringify(expected)}, came ${JSON.stringify(actual)}`);
  }
  console.log(`ok     ${what}`);
}

// Asserts that a call fails with a status code, and with certain words in its message.
async function checkError(what, call, code, words) {
  const outcome = await call.then((answer) => ({ answer }), (error) => ({ error }));
  if (outcome.error?.code !== code || !outcome.error.details.includes(words)) {
    fail(`${what}: expected ${grpc.status[code]} with '${words}', came ${outcome.error ?? JSON.stringify(outcome.answer)}`);
  }
  console.log(`ok     ${what}`);
}

// Makes a unary call.
function call(client, method, request) {
  return new Promise((resolve, reject) => {
    client[method](request, deadline(), (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

// The messages of a stream, one after the other: next() answers each, and fails where the stream does.
function reader(stream) {
  const iterator = stream[Symbol.asyncIterator]();
  return async () => {
    const { value, done } = await iterator.next();
    return done ? fail('a stream ended early') : value;
  };
}

// Ends a stream by its client.
function cancel(stream) {
  stream.on('error', () => {});
  stream.cancel();
}

// Runs a statement on the one database connection that the test keeps for the program; answers its first value, as text.
async function sql(statement) {
  console.log(`sql ${statement.replace(/\s+/g, ' ').trim()}`);
  return (await answers.next()).value;
}

// Runs the program, and tells the test that it came to its end.
function run(main) {
  main().then(
    () => {
      console.log('done');
      process.exit(0);
    },
    (error) => fail(error.stack));
}

module.exports = { address, call, cancel, check, checkError, connect, deadline, fail, grpc, load, loader, reader, run, sql };
