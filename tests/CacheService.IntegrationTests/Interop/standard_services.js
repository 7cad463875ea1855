// The standard health and reflection services; and a call by one who knows nothing but what reflection says.
'use strict';

const { call, cancel, check, checkError, connect, deadline, fail, grpc, load, loader, reader, run } = require('./checks');

const SERVICES = ['grpc.health.v1.Health', 'grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection', 'tweetcounts.v1.JobsService', 'tweetcounts.v1.TweetCountsService'];
const COUNTS = 'tweetcounts.v1.TweetCountsService';

async function health() {
  const service = connect(load('grpc/health/v1/health.proto', 'grpc.health.v1').Health);
  for (const name of ['', COUNTS]) {
    check(`Check of ${name || 'the server'}`, (await call(service, 'check', { service: name })).status, 'SERVING');
  }
  await checkError('Check of an unknown service', call(service, 'check', { service: 'none' }), grpc.status.NOT_FOUND, 'none');
  check('List', (await call(service, 'list', {})).statuses, { '': { status: 'SERVING' }, [COUNTS]: { status: 'SERVING' } });

  for (const [name, status] of [['', 'SERVING'], ['none', 'SERVICE_UNKNOWN']]) {
    const stream = service.watch({ service: name }, deadline());
    check(`Watch of '${name}'`, (await reader(stream)()).status, status);
    cancel(stream);
  }
}

// The two versions of reflection differ in nothing but the name.
async function reflection(version) {
  const { service } = load('grpc/reflection/v1/reflection.proto', 'grpc.reflection.v1').ServerReflection;
  const method = { ...service.ServerReflectionInfo, path: `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo` };
  const stream = connect(grpc.makeClientConstructor({ ask: method }, 'ServerReflection')).ask(deadline());
  const next = reader(stream);
  function ask(request) {
    stream.write(request);
    return next();
  }

  const listed = (await ask({ listServices: '*' })).listServicesResponse.service.map((each) => each.name);
  check(`reflection ${version}: services`, listed.sort(), SERVICES);
  const unknown = (await ask({ fileContainingSymbol: 'none.None' })).errorResponse;
  check(`reflection ${version}: unknown symbol`, unknown.errorCode, grpc.status.NOT_FOUND);

  const files = (await ask({ fileContainingSymbol: COUNTS })).fileDescriptorResponse.fileDescriptorProto;
  // A FileDescriptorSet: field 1, repeated.
  const set = Buffer.concat(files.map((file) => Buffer.concat([Buffer.from([0x0a]), varint(file.length), file])));
  const described = loader.loadFileDescriptorSetFromBuffer(set, { longs: Number });
  const counts = connect(grpc.makeClientConstructor(described[COUNTS] ?? fail(`${COUNTS} is not described`), COUNTS));
  // What is described has the names of the .proto file.
  const answer = (await call(counts, 'GetCounts', { message_id: 3 })).counts;
  check(`GetCounts, by reflection ${version} alone`, [answer.message_id, answer.retweets, answer.likes], [3, 3, 100]);

  stream.end();
}

function varint(value) {
  const bytes = [];
  for (; value > 127; value >>>= 7) {
    bytes.push((value & 127) | 128);
  }
  return Buffer.from([...bytes, value]);
}

run(async () => {
  await health();
  await reflection('v1');
  await reflection('v1alpha');
});
