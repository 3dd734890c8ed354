// Makes the encodings in this folder, after fetch.sh: `npm i tokenizers@0.23.2 && node make.mjs`.
import { Tokenizer } from 'tokenizers';
import fs from 'node:fs';

const place = relative => new URL(relative, import.meta.url).pathname;
const texts = fs.readFileSync(place('texts.txt'), 'utf8').split('\n').filter(line => line && !line.startsWith('# ')).map(line => JSON.parse(`"${line}"`));

for (const name of ['gpt2', 'qwen2.5', 'mistral-nemo']) {
  const peer = Tokenizer.fromFile(place(`../../../../artifacts/tokenizers/${name}/tokenizer.json`));
  const cases = [];
  for (const text of texts) {
    const [plain, special] = [await peer.encode(text, null, { addSpecialTokens: false }), await peer.encode(text, null, { addSpecialTokens: true })];
    cases.push(JSON.stringify({ text, ids: plain.getIds(), special: special.getIds(), spans: plain.getOffsets().flat(), decoded: await peer.decode(special.getIds(), false), skipped: await peer.decode(special.getIds(), true) }));
  }
  fs.writeFileSync(place(`${name}.cases.jsonl`), cases.join('\n') + '\n');
}
