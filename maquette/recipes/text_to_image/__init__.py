"""Pictures from words: CLIP, a prior and a decoder (DALL-E 2), learnt from your own captioned pictures."""
