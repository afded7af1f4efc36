-- Partitions of the log and the ledger for this month and the next three.
-- Afterwards a scheduler's business.
select learn.ensure_partitions((learn.clock() + interval '3 months')::date) as partitions_made;
