-- A bounded step: at most ?2 of the oldest ids, and none that has at most ?1 later ones.
DELETE FROM changes
WHERE sequence < (SELECT max(sequence) FROM changes) - ?1
AND sequence < (SELECT min(sequence) FROM changes) + ?2
