-- The Ids that a slice reads, whatever their cursor; null: all rows of its ranges.
ALTER TABLE slices ADD COLUMN ids text[];
