"""Scores, each with its formula and source. A name means one thing in every recipe."""

BETTER = {
    "rmse": "lower",
    "mae": "lower",
    "mse": "lower",
    "training_rmse": "lower",
    "log_loss": "lower",
    "r2": "higher",
    "training_r2": "higher",
    "accuracy": "higher",
    "macro_f1": "higher",
    "auroc": "higher",
    "psnr": "higher",
    "ssim": "higher",
    "training_mse": "lower",
    "training_error": "lower",
    "accuracy_fgsm": "higher",
    "accuracy_pgd": "higher",
    "loss": "lower",
    "bits_per_byte": "lower",
    "bytes_per_token": "higher",
    "perplexity": "lower",
    "nll": "lower",
    "neg_elbo": "lower",
    "bits_per_dimension": "lower",
    "noise_error": "lower",
    "feature_distance": "lower",
    "kernel_distance": "lower",
    "sliced_wasserstein": "lower",
    "fid": "lower",
    "precision": "higher",
    "recall": "higher",
    "density": "higher",
    "copies": "lower",
    "taught_accuracy": "higher",
    "kernel_error": "lower",
    "sizes_equal": "higher",
    "exact_replies": "higher",
    "rules_reached": "higher",
}  # scores that are not here (interval_width; coverage, which intervals have as well) have no better way of their own


def direction(score: str) -> str | None:
    """`higher` or `lower`, whichever is better; the ends `_low` and `_high` of an interval go with their score."""
    return BETTER.get(score.removesuffix("_low").removesuffix("_high"))
