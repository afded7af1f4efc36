-- What happens when rows of learn.rate_limits are written.

-- When a limit is set: it must be of a function that counts.
-- Errors: LX001.
create or replace function learn_internal.check_rate_limit()
returns trigger
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
begin
  if not exists (
    select from pg_proc p
    where p.pronamespace = 'learn'::regnamespace and p.proname = new.kind and strpos(p.prosrc, 'begin_call(') > 0)
  then
    raise exception 'only calls that change a learner''s state are limited'
      using errcode = 'LX001', detail = format('kind = %s', new.kind),
        hint = 'Name a function of the schema learn that returns an award_summary, such as post_reply.';
  end if;
  return new;
end;
$$;
comment on function learn_internal.check_rate_limit() is
  'Row trigger: refuses a limit of what is not counted (LX001).';

create or replace trigger check_rate_limit
  before insert or update on learn.rate_limits
  for each row execute function learn_internal.check_rate_limit();
