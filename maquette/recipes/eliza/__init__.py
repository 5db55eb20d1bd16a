"""The ELIZA of 1966: answers by the rules of a script, and which rule it was; nothing is learnt."""
