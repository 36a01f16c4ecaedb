// SPDX-License-Identifier: Apache-2.0
// node.mjs FILE RUNS: run() of a module, RUNS times; prints the shortest time in ns and the checksum.
// node.mjs FILE compile RUNS: the shortest time of compiling it.
import { readFileSync } from 'node:fs';

const [file, what, count] = process.argv.slice(2);
const bytes = readFileSync(file);
let best = Infinity, sum = 0n;

function time(work) {
    const start = process.hrtime.bigint();
    work();
    best = Math.min(best, Number(process.hrtime.bigint() - start));
}

if (what === 'compile') {
    for (let i = 0; i < Number(count); i++)
        time(() => new WebAssembly.Module(bytes));
} else {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(bytes), {});
    for (let i = 0; i < Number(what); i++)
        time(() => { sum = exports.run(); });
}
console.log(best, BigInt.asUintN(64, sum).toString());
