SELECT coalesce((SELECT min(sequence) FROM recent) - 1, (SELECT max(sequence) FROM changes)),
    (SELECT max(sequence) FROM recent)
