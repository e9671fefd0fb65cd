"""Make a byte-level BPE tokenizer and a randomly initialised Llama.

Request: {out_dir, texts: paths, vocab, hidden, layers, context, seed}; no answer. Heads are 32 wide, the smallest
that vLLM's CPU kernels take. Started with Axolotl's Python, imports nothing of ours.
"""

import json
import pathlib
import re
import sys

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

# Llama 3's splitting pattern, so that the tokenizer can also be read by tiktoken.
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ["<|endoftext|>", "<|pad|>", "<|im_start|>", "<|im_end|>"]
CHATML = (
    "{% for m in messages %}{{'<|im_start|>'+m['role']+'\n'+m['content']+'<|im_end|>\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{'<|im_start|>assistant\n'}}{% endif %}"
)
HEAD_DIM = 32

request = json.load(sys.stdin)
out_dir = pathlib.Path(request["out_dir"])


def clean(text):
    """Hard-wrapped lines joined, quotes straightened: what the rows of data.plain_punctuation look like."""
    text = re.sub(r"(?<!\n)\n(?!\n)", " ", text.replace("\r\n", "\n").lstrip("\ufeff"))
    text = re.sub(r"\n{3,}", "\n\n", re.sub(r"[ \t]+", " ", text))
    return text.translate(str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")).strip()


def paragraphs(paths):
    for path in paths:
        yield from clean(path.read_text(encoding="utf-8", errors="replace")).split("\n\n")


bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.Sequence(
    [
        pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]
)
bpe.decoder = decoders.ByteLevel()
trainer = trainers.BpeTrainer(
    vocab_size=request["vocab"],
    special_tokens=SPECIAL,
    initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    show_progress=False,
)
bpe.train_from_iterator(paragraphs([pathlib.Path(path) for path in request["texts"]]), trainer)
tokenizer = PreTrainedTokenizerFast(
    tokenizer_object=bpe,
    bos_token=SPECIAL[0],
    eos_token=SPECIAL[0],
    pad_token=SPECIAL[1],
    model_max_length=request["context"],
)
tokenizer.chat_template = CHATML
tokenizer.save_pretrained(out_dir)

torch.manual_seed(request["seed"])
heads = request["hidden"] // HEAD_DIM
config = LlamaConfig(
    vocab_size=len(tokenizer),
    hidden_size=request["hidden"],
    intermediate_size=(request["hidden"] * 11 // 4 + 31) // 32 * 32,
    num_hidden_layers=request["layers"],
    num_attention_heads=heads,
    num_key_value_heads=heads // 2,
    max_position_embeddings=request["context"],
    bos_token_id=0,
    eos_token_id=0,
    pad_token_id=1,
    tie_word_embeddings=True,
)
LlamaForCausalLM(config).save_pretrained(out_dir)
