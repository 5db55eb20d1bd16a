"""MarianMT of transformers, trained from nothing by its Trainer, on the same pairs, for so many seconds.

`python -m benchmarks.peers.marian FOLDER VOCABULARY SECONDS`: FOLDER holds train, val and test_* of en and de. A small
configuration as its users choose it for such data; label smoothing, groups of like lengths and a linear schedule as
Seq2SeqTrainer has them; beam 4. The schedule is set for the steps that a short measurement says will fit.
"""

import gzip
import json
import sys
import time
from pathlib import Path

import torch
from sacrebleu.metrics import BLEU, CHRF
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    DataCollatorForSeq2Seq,
    MarianConfig,
    MarianMTModel,
    PreTrainedTokenizerFast,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    TrainerCallback,
)

ROWS = 64
MEASURED = 12  # steps by which the number that fits is planned


def lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8", newline="\n") as file:
        return [line.strip() for line in file.read().split("\n")[:-1]]


def tokenizer_of(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    fast = Tokenizer(models.BPE())
    fast.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    fast.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=["<pad>", "</s>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    fast.train_from_iterator(texts, trainer)
    fast.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    return PreTrainedTokenizerFast(tokenizer_object=fast, pad_token="<pad>", eos_token="</s>")


class Until(TrainerCallback):
    """Ends training when the time is over."""

    def __init__(self, seconds: float):
        self.seconds, self.began = seconds, time.monotonic()

    def on_train_begin(self, *args: object, **more: object) -> None:
        self.began = time.monotonic()

    def on_step_end(self, args: object, state: object, control: object, **more: object) -> object:
        if time.monotonic() - self.began > self.seconds:
            control.should_training_stop = True  # type: ignore[attr-defined]
        return control


def main() -> None:
    folder, size, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    texts = {part: [lines(folder / f"{part}.{language}.gz") for language in ("en", "de")]
             for part in ("train", "test_2016_flickr")}  # fmt: skip
    tokenizer = tokenizer_of(texts["train"][0] + texts["train"][1], size)
    torch.manual_seed(0)
    config = MarianConfig(
        vocab_size=len(tokenizer), d_model=128, encoder_layers=3, decoder_layers=3, encoder_attention_heads=4,
        decoder_attention_heads=4, encoder_ffn_dim=512, decoder_ffn_dim=512, max_position_embeddings=256,
        pad_token_id=0, eos_token_id=1, bos_token_id=0, decoder_start_token_id=0, forced_eos_token_id=None,
        scale_embedding=True, share_encoder_decoder_embeddings=True, tie_word_embeddings=True, dropout=0.1,
    )  # fmt: skip
    model = MarianMTModel(config)
    encoded = tokenizer(texts["train"][0], truncation=True, max_length=255)
    labels = tokenizer(texts["train"][1], truncation=True, max_length=255)["input_ids"]
    rows = [{"input_ids": read, "labels": said} for read, said in zip(encoded["input_ids"], labels, strict=True)]

    def trainer_for(steps: int, limit: float) -> Seq2SeqTrainer:
        arguments = Seq2SeqTrainingArguments(
            output_dir=str(folder / "marian"), per_device_train_batch_size=ROWS, max_steps=steps, learning_rate=1e-3,
            warmup_steps=min(200, steps // 10), label_smoothing_factor=0.1, lr_scheduler_type="linear",
            train_sampling_strategy="group_by_length", save_strategy="no", report_to=[], logging_strategy="no",
            disable_tqdm=True, use_cpu=True, dataloader_num_workers=0,
        )  # fmt: skip
        collator = DataCollatorForSeq2Seq(tokenizer, model=model)
        return Seq2SeqTrainer(
            model=model, args=arguments, train_dataset=rows, data_collator=collator, callbacks=[Until(limit)]
        )

    start = {name: value.clone() for name, value in model.state_dict().items()}
    trainer_for(2, 1e9).train()
    began = time.monotonic()
    trainer_for(MEASURED, 1e9).train()
    steps = int(seconds / ((time.monotonic() - began) / MEASURED))
    model.load_state_dict(start)
    began = time.monotonic()
    result = trainer_for(max(10, steps), seconds).train()
    taken = time.monotonic() - began
    model.eval()
    outputs: list[str] = []
    for place in range(0, len(texts["test_2016_flickr"][0]), ROWS):
        read = tokenizer(texts["test_2016_flickr"][0][place : place + ROWS], return_tensors="pt", padding=True)
        with torch.inference_mode():
            written = model.generate(
                input_ids=read["input_ids"], attention_mask=read["attention_mask"], num_beams=4, max_new_tokens=80,
                length_penalty=1.0, early_stopping=True,
            )  # fmt: skip
        outputs += [text.strip() for text in tokenizer.batch_decode(written, skip_special_tokens=True)]
    references = [texts["test_2016_flickr"][1]]
    bleu = BLEU()
    print(
        json.dumps(
            {
                "bleu": bleu.corpus_score(outputs, references).score,
                "chrf": CHRF().corpus_score(outputs, references).score,
                "signature": str(bleu.get_signature()),
                "seconds": taken,
                "steps": result.global_step,
                "weights": model.num_parameters(),
                "first": outputs[:2],
            }
        )
    )


if __name__ == "__main__":
    main()
