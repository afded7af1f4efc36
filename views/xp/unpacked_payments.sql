-- The rows of the ledger that are archived, in the columns of learn.xp_transactions: see learn_internal.unpacked_facts.
create or replace view learn_internal.unpacked_payments as
select a.user_id, unnest(a.id) as id, unnest(a.amount) as amount, unnest(a.activity_type) as activity_type,
  unnest(a.source_type) as source_type, unnest(a.source_id) as source_id, unnest(a.description) as description,
  unnest(a.earned_on) as earned_on, unnest(a.created_at) as created_at, a.year
from learn_internal.archived_payments a;
comment on view learn_internal.unpacked_payments is
  'The rows of the ledger that archive_before() has packed, row by row.';
