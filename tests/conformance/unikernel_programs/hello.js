/* SPDX-License-Identifier: Apache-2.0 */
/* What ordinary programs for Node.js use: files, hashes, timers, promises, HTTP over loopback, compression, a worker. */
const crypto = require('crypto'), fs = require('fs'), http = require('http'), os = require('os'), path = require('path');
const zlib = require('zlib'), { Worker } = require('worker_threads'), { once } = require('events');

function sum(n) {
    let s = 0;
    for (let i = 0; i < n; i++) s = (s + i * i) % 1000003;
    return s;
}

async function ask(port, name) {
    const [answer] = await once(http.get({ port, path: name }), 'response');
    let text = '';
    for await (const piece of answer) text += piece;
    return text;
}

async function main() {
    console.log(sum(5e6), crypto.createHash('sha256').update('x').digest('hex'));
    const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'hello-'));
    fs.writeFileSync(path.join(directory, 'f'), 'data');
    console.log(fs.readFileSync(path.join(directory, 'f'), 'utf8'), fs.readdirSync(directory));
    fs.rmSync(directory, { recursive: true });
    console.log(await Promise.all([3, 2, 1].map(x => new Promise(done => setTimeout(() => done(x * 2), x * 5)))));
    const server = http.createServer((question, answer) => answer.end('hello ' + question.url)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    for (const name of ['/a', '/b']) console.log(await ask(server.address().port, name));
    server.close();
    console.log(zlib.gunzipSync(zlib.gzipSync(Buffer.alloc(100000, 'ab'))).length, /(\d+)-(\d+)/.exec('x12-34'));
    const worker = new Worker(`require('worker_threads').parentPort.postMessage((${sum})(1e6))`, { eval: true });
    console.log(await Promise.all([once(worker, 'message'), once(worker, 'exit')]));
    process.exitCode = 4;
}

main();
