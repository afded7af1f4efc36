-- A board among given users is computed from theirs: of a class, a team, friends, not of everybody.
-- Errors: LX001 too many of them.
create or replace function learn_internal.require_cohort(p_among uuid[])
returns void
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
begin
  if cardinality(p_among) > 10000 then
    raise exception 'these are too many users for a cohort'
      using errcode = 'LX001', detail = format('p_among has %s elements, at most 10000', cardinality(p_among)),
        hint = 'Name at most 10,000 users; the board of everybody needs no p_among.';
  end if;
end;
$$;
comment on function learn_internal.require_cohort(uuid[]) is
  'Refuses a cohort of more than 10,000 users (LX001).';
