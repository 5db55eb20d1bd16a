"""A plain RNN, a GRU or an LSTM that goes on writing like your own text, and how far each remembers."""
