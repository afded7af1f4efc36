-- When the ledger is written: its XP is tallied by day and by the type of the fact that paid.
create or replace function learn_internal.tally_xp()
returns trigger
language plpgsql
volatile
security definer
set search_path = ''
as $$
begin
  insert into learn_internal.tally_changes (measure, day, item, value)
  select 'xp', n.earned_on, n.activity_type, sum(n.amount)
  from new_rows n
  group by n.earned_on, n.activity_type;
  return null;
end;
$$;
comment on function learn_internal.tally_xp() is
  'Statement trigger: tallies XP by day and by what paid it.';
revoke all on function learn_internal.tally_xp() from public;

create or replace trigger tally_xp
  after insert on learn.xp_transactions
  referencing new table as new_rows
  for each statement
  execute function learn_internal.tally_xp();
comment on trigger tally_xp on learn.xp_transactions is 'Tallies XP by day and by what paid it.';
