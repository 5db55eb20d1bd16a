"""Pictures from random numbers, by a network that learns to fool another, which learns to tell them from real ones."""
