"""Four ages of chatbots side by side, ELIZA, RNN, LSTM and GPT: the same questions to all, and what each remembers."""
