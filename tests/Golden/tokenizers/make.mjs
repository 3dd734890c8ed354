// Makes the tokenizers and encodings in this folder: `npm i tokenizers@0.23.2 && node make.mjs [folder] [random texts a tokenizer]`.
import { Tokenizer } from 'tokenizers';
import fs from 'node:fs';

const folder = process.argv[2] ?? '.', random = Number(process.argv[3] ?? 12);
const llama3 = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
const qwen2 = llama3.replace('{1,3}', '');
const tekken = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const sequence = (field, ...parts) => ({ type: 'Sequence', [field]: parts });
const byteLevel = (prefix, regex, trim = false) => ({ type: 'ByteLevel', add_prefix_space: prefix, trim_offsets: trim, use_regex: regex });
const split = Regex => ({ type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false });
const template = (before, after = []) => ({
  type: 'TemplateProcessing',
  single: [...before.map(id => ({ SpecialToken: { id, type_id: 0 } })), { Sequence: { id: 'A', type_id: 0 } }, ...after.map(id => ({ SpecialToken: { id, type_id: 0 } }))],
  pair: [{ Sequence: { id: 'A', type_id: 0 } }, { Sequence: { id: 'B', type_id: 1 } }],
  names: [...before, ...after],
});
const fromBytes = prefix => sequence('decoders', { type: 'Replace', pattern: { String: '▁' }, content: ' ' }, { type: 'ByteFallback' }, { type: 'Fuse' },
  ...(prefix ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []));
const replace = { type: 'Replace', pattern: { String: ' ' }, content: '▁' };
const metaspace = (scheme, split) => ({ type: 'Metaspace', replacement: '▁', prepend_scheme: scheme, split });
const token = (content, flags = {}) => ({ content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: true, ...flags });
const pieces = { special: ['<unk>', '<s>', '</s>'].map(content => token(content)), model: { unk_token: '<unk>', fuse_unk: true, byte_fallback: true } };

const families = {
  gpt2: { pre_tokenizer: byteLevel(false, true, true), post_processor: byteLevel(true, true, true), decoder: byteLevel(true, true, true), special: [token('<|endoftext|>')] },
  llama3: {
    pre_tokenizer: sequence('pretokenizers', split(llama3), byteLevel(false, false)), decoder: byteLevel(true, true, true), model: { ignore_merges: true },
    post_processor: sequence('processors', byteLevel(true, true), template(['<|begin_of_text|>'])),
    special: ['<|begin_of_text|>', '<|end_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>'].map(content => token(content)), pairs: true,
  },
  qwen2: {
    normalizer: { type: 'NFC' }, pre_tokenizer: sequence('pretokenizers', split(qwen2), byteLevel(false, false)), post_processor: byteLevel(false, false),
    decoder: byteLevel(false, false), special: [token('<|endoftext|>'), token('<|im_start|>'), token('<|im_end|>'), token('<think>', { special: false })],
  },
  'llama2-legacy': {
    normalizer: sequence('normalizers', { type: 'Prepend', prepend: '▁' }, replace), post_processor: template(['<s>']), decoder: fromBytes(true), ...pieces,
  },
  'llama2-metaspace': { pre_tokenizer: metaspace('first', false), post_processor: template(['<s>']), decoder: fromBytes(true), ...pieces, pairs: true },
  mistral: {
    normalizer: sequence('normalizers', { type: 'NFKC' }), pre_tokenizer: { ...metaspace('always', true) }, post_processor: template(['<s>'], ['</s>']),
    decoder: { ...metaspace('always', true) }, special: [...pieces.special, token('[INST]'), token('[/INST]')], model: pieces.model, pairs: true,
  },
  tekken: { pre_tokenizer: sequence('pretokenizers', split(tekken), byteLevel(false, false)), decoder: byteLevel(true, true, true), model: { ignore_merges: true }, special: pieces.special },
  gemma: {
    normalizer: replace, pre_tokenizer: { type: 'Split', pattern: { String: ' ' }, behavior: 'MergedWithPrevious', invert: false }, post_processor: template(['<bos>']),
    decoder: fromBytes(false), model: pieces.model, pairs: true,
    special: [...['<pad>', '<eos>', '<bos>', '<unk>', '<start_of_turn>', '<end_of_turn>'].map(content => token(content)), ...['\n\n', '▁▁', '▁▁▁', '<b>'].map(content => token(content, { special: false }))],
  },
  digits: { pre_tokenizer: sequence('pretokenizers', { type: 'Digits', individual_digits: true }, byteLevel(true, true, true)), post_processor: byteLevel(true, true, true), decoder: byteLevel(true, true), special: [token('<|im_start|>')] },
  added: { // every flag of an added token; no bytes, so what is unknown is <unk>, not fused
    normalizer: sequence('normalizers', { type: 'NFD' }, { type: 'Replace', pattern: { Regex: '[.]{2,}' }, content: '. .' }), decoder: { type: 'Metaspace', replacement: '▁', prepend_scheme: 'never', split: true },
    pre_tokenizer: sequence('pretokenizers', { type: 'Split', pattern: { Regex: '\\d+' }, behavior: 'MergedWithPrevious', invert: false }, { type: 'Split', pattern: { Regex: '[a-z]+' }, behavior: 'Contiguous', invert: true }, metaspace('never', true)),
    special: [token('<unk>'), token('<left>', { lstrip: true }), token('<right>', { rstrip: true }), token('<both>', { lstrip: true, rstrip: true }), token('word', { single_word: true, special: false }),
      token('café', { normalized: true, special: false }), token('Äh', { normalized: true, single_word: true, special: false })],
    model: { unk_token: '<unk>' },
  },
  deepseek: { // three patterns one after the other, one of them with characters of a script in it
    normalizer: sequence('normalizers'), decoder: byteLevel(true, true, true), post_processor: byteLevel(true, true, false),
    pre_tokenizer: sequence('pretokenizers', split('\\p{N}{1,3}'), split('[一-龥぀-ゟ゠-ヿ]+'),
      split("[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"), byteLevel(false, false, true)),
    special: [token('<｜begin▁of▁sentence｜>'), token('<｜end▁of▁sentence｜>'), token('<｜User｜>', { special: false })],
  },
};

const corpus = fs.readFileSync(new URL('texts.txt', import.meta.url), 'utf8');
const lines = corpus.split('\n').filter(line => line && !line.startsWith('#')).map(line => JSON.parse(`"${line}"`));
const bytes = (() => { // GPT-2's printable characters for bytes
  const shown = [...Array(256).keys()].filter(b => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174);
  let next = 256;
  return [...Array(256).keys()].map(b => String.fromCodePoint(shown.includes(b) ? b : next++));
})();

// Learns merges the plain way: count, take the most frequent pair (the first in order of the alphabet), replace, again.
function learn(words, many) {
  const merges = [];
  for (; merges.length < many;) {
    const counts = new Map();
    for (const word of words) for (let i = 0; i + 1 < word.length; i++) { const pair = `${word[i]} ${word[i + 1]}`; counts.set(pair, (counts.get(pair) ?? 0) + 1); }
    const best = [...counts].filter(([, count]) => count > 1).sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))[0];
    if (!best) break;
    const [left, right] = best[0].split(' ');
    merges.push([left, right]);
    for (const word of words) for (let i = 0; i + 1 < word.length; i++) if (word[i] === left && word[i + 1] === right) word.splice(i, 2, left + right);
  }
  return merges;
}

function make({ special, model = {}, pairs = false, post_processor = null, ...parts }) {
  const byByte = JSON.stringify(parts.pre_tokenizer ?? null).includes('ByteLevel');
  const file = {
    version: '1.0', truncation: null, padding: null, added_tokens: [], normalizer: null, pre_tokenizer: null, post_processor: null, decoder: null, ...parts,
    model: { type: 'BPE', dropout: null, unk_token: null, continuing_subword_prefix: null, end_of_word_suffix: null, fuse_unk: false, byte_fallback: false, ignore_merges: false, ...model, vocab: { x: 0 }, merges: [] },
  };
  const peer = Tokenizer.fromString(JSON.stringify({ ...file, model: { ...file.model, unk_token: null } }));
  const [normalizer, preTokenizer] = [peer.getNormalizer(), peer.getPreTokenizer()];
  const words = lines.flatMap(line => { const text = normalizer ? normalizer.normalizeString(line) : line; return preTokenizer ? preTokenizer.preTokenizeString(text).map(([word]) => word) : [text]; }).map(word => [...word]);
  const alphabet = byByte ? bytes : [...new Set(words.flat())].sort().filter(char => char.codePointAt(0) < 0x2600);
  const merges = learn(words.map(word => word.filter(char => alphabet.includes(char))), 150);
  const fallback = model.byte_fallback ? [...Array(256).keys()].map(b => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`) : [];
  const inside = special.slice(0, 3).map(({ content }) => content); // the others come behind the vocabulary
  const tokens = [...new Set([...inside, ...fallback, ...alphabet, ...merges.map(merge => merge.join(''))])];
  file.model.vocab = Object.fromEntries(tokens.map((content, id) => [content, id]));
  file.model.merges = pairs ? merges : merges.map(merge => merge.join(' '));
  let next = tokens.length;
  file.added_tokens = special.map(one => ({ id: file.model.vocab[one.content] ?? next++, ...one }));
  const setIds = part => {
    if (part?.processors) part.processors.forEach(setIds);
    if (!part?.names) return;
    part.special_tokens = Object.fromEntries(part.names.map(id => [id, { id, ids: [file.added_tokens.find(({ content }) => content === id).id], tokens: [id] }]));
    delete part.names;
  };
  file.post_processor = structuredClone(post_processor);
  setIds(file.post_processor);
  return file;
}

let state = 12345; // a small generator: the same texts every time
const draw = many => { state = (Math.imul(state, 1103515245) + 12345) >>> 0; return (state >>> 8) % many; };
const ranges = [[0x20, 0x7f], [0x20, 0x7f], [0x61, 0x7b], [0x30, 0x3a], [0xa0, 0x250], [0x300, 0x370], [0x370, 0x600], [0x900, 0xe00], [0x1100, 0x1200], [0x1e00, 0x2070], [0x2070, 0x2600], [0x3000, 0x3400], [0x4e00, 0x4f00], [0xac00, 0xad00], [0xf900, 0xfa00], [0xfb00, 0xfe00], [0xff00, 0xffe0], [0x10400, 0x10450], [0x1d400, 0x1d800], [0x1f300, 0x1f650], [0x2f800, 0x2fa00], [9, 14]];
function randomText(file) {
  let text = '';
  for (let i = draw(24) + 1; i > 0; i--) {
    const kind = draw(10), [from, to] = ranges[draw(ranges.length)];
    text += kind === 0 ? file.added_tokens[draw(file.added_tokens.length)].content : kind === 1 ? [' ', '  ', '\n', "'s", "'LL", '\u00a0', '\r\n', '▁', '..', '<0x41>', '\u017f'][draw(11)]
      : kind < 5 ? lines[draw(lines.length)].slice(0, 4 + draw(8)).toWellFormed() : String.fromCodePoint(from + draw(to - from));
  }
  return text;
}

fs.mkdirSync(folder, { recursive: true });
for (const [name, family] of Object.entries(families)) {
  const file = make(family);
  fs.writeFileSync(`${folder}/${name}.json`, JSON.stringify(file, null, 0).replaceAll(/"(vocab|merges|added_tokens|model)":/g, '\n"$1":') + '\n');
  const peer = Tokenizer.fromFile(`${folder}/${name}.json`);
  const cases = [];
  for (const text of [...lines, ...Array.from({ length: random }, () => randomText(file))]) {
    const [plain, special] = [await peer.encode(text, null, { addSpecialTokens: false }), await peer.encode(text, null, { addSpecialTokens: true })];
    cases.push(JSON.stringify({ text, ids: plain.getIds(), special: special.getIds(), spans: plain.getOffsets().flat(), decoded: await peer.decode(special.getIds(), false), skipped: await peer.decode(special.getIds(), true) }));
  }
  fs.writeFileSync(`${folder}/${name}.cases.jsonl`, cases.join('\n') + '\n');
}
