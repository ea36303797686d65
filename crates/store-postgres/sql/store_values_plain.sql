-- Sealed values cannot be compressed, so nobody tries.
ALTER TABLE {schema}.rows ALTER COLUMN value SET STORAGE EXTERNAL
