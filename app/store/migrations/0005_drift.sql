-- How a run's columns differ from those that its target table had: settled with the columns, and told on the receipt.

ALTER TABLE runs ADD COLUMN drift jsonb;                 -- {added, unasked, retyped}; null until settled
