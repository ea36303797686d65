SELECT max(sequence) FROM changes
