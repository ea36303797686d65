SELECT coalesce((SELECT min(sequence) FROM recent) - 1, (SELECT max(sequence) FROM settled)),
    (SELECT max(sequence) FROM recent)
