-- How many rows the pages of a slice should have, once its first page has told how wide they are.

ALTER TABLE slices ADD COLUMN page_rows integer;
