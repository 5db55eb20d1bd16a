"""Text cut into tokens in six ways, learnt from your own text: what each costs, what it loses, how it cuts."""
