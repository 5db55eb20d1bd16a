"""A folder fine-tuned on DialogSum by transformers' Seq2SeqTrainer as the course's listing has it, and judged by ROUGE.

`python -m benchmarks.peers.seq2seq_trainer FOLDER STEPS RATE JUDGED OUT`: batch 16, AdamW with weight decay 0.01, a
linear schedule, batches as they are drawn, beams of 4; JUDGED of the dialogues of the dev part, spread over it.
"""

import gzip
import json
import sys
from pathlib import Path

import numpy as np
import torch
from rouge_score.rouge_scorer import RougeScorer
from transformers import (
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    DataCollatorForSeq2Seq,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
)

from maquette.data.sets.fetching import get

CONTEXT, LONGEST, BEAMS = 256, 64, 4
KINDS = ["rouge1", "rouge2", "rougeL"]


def rows_of(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def main() -> None:
    folder, steps, rate, judged, out = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
    data = get("dialogsum").path
    train, test = (rows_of(data / f"dialogsum.{part}.jsonl.gz") for part in ("train", "dev"))
    test = [test[row] for row in np.linspace(0, len(test) - 1, judged).astype(int)]
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForSeq2SeqLM.from_pretrained(folder)

    def encoded(rows: list[dict[str, str]]) -> list[dict[str, list[int]]]:
        read = tokenizer([row["dialogue"].strip() for row in rows], truncation=True, max_length=CONTEXT)["input_ids"]
        said = tokenizer([row["summary"].strip() for row in rows], truncation=True, max_length=LONGEST)["input_ids"]
        return [{"input_ids": a, "labels": b} for a, b in zip(read, said, strict=True)]

    def measured(predicted: object) -> dict[str, float]:
        said, true = predicted  # type: ignore[misc]
        scorer = RougeScorer(KINDS, use_stemmer=True)
        texts = (
            tokenizer.batch_decode(np.where(rows < 0, tokenizer.pad_token_id, rows), skip_special_tokens=True)
            for rows in (true, said)
        )
        found = [scorer.score(a, b) for a, b in zip(*texts, strict=True)]
        return {kind: 100 * float(np.mean([each[kind].fmeasure for each in found])) for kind in KINDS}

    torch.manual_seed(0)
    arguments = Seq2SeqTrainingArguments(
        output_dir=out, per_device_train_batch_size=16, per_device_eval_batch_size=32, max_steps=steps,
        learning_rate=rate, weight_decay=0.01, lr_scheduler_type="linear", predict_with_generate=True,
        generation_max_length=LONGEST, generation_num_beams=BEAMS,
        save_strategy="no", report_to=[], logging_strategy="no", disable_tqdm=True, use_cpu=True,
    )  # fmt: skip
    trainer = Seq2SeqTrainer(
        model=model,
        args=arguments,
        train_dataset=encoded(train),
        eval_dataset=encoded(test),
        data_collator=DataCollatorForSeq2Seq(tokenizer, model=model),
        processing_class=tokenizer,
        compute_metrics=measured,
    )
    trainer.train()
    found = trainer.evaluate()
    print(json.dumps({kind: found[f"eval_{kind}"] for kind in KINDS}))


if __name__ == "__main__":
    main()
