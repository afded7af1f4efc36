-- The ledger of all times: its rows, and those that are archived. See learn_internal.all_facts.
create or replace view learn_internal.all_payments as
select t.user_id, t.id, t.amount::integer, t.activity_type::text, t.source_type::text, t.source_id::text,
  t.description::text, t.earned_on, t.created_at
from learn.xp_transactions t
union all
select p.user_id, p.id, p.amount, p.activity_type, p.source_type, p.source_id, p.description, p.earned_on, p.created_at
from learn_internal.unpacked_payments p;
comment on view learn_internal.all_payments is
  'The ledger of all times, rows of xp_transactions and those that archive_before() has packed.';
