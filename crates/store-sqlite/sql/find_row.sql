SELECT coalesce((SELECT min(sequence) FROM recent) - 1, (SELECT max(sequence) FROM changes)),
    (SELECT max(sequence) FROM recent),
    version,
    value
FROM (SELECT 1) LEFT JOIN rows ON tbl = ?1 AND key = ?2
