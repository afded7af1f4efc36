-- The first level of a challenge that is missing before one of these, which users have passed; null: none is.
-- Levels are passed in order. Of a challenge that has no levels here, all five count.
create or replace function learn_internal.missing_level(p_challenge_id bigint, p_levels integer[])
returns integer
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return (
    select min(n)
    from generate_series(1, (select max(x) - 1 from unnest(p_levels) x)) n
    where n <> all (p_levels)
      and (not exists (select from learn.challenge_levels l where l.challenge_id = p_challenge_id)
        or exists (
          select from learn.challenge_levels l
          where l.challenge_id = p_challenge_id and l.level_number = n)));
end;
$$;
comment on function learn_internal.missing_level(bigint, integer[]) is
  'The first level of a challenge that is missing before one of these; null: none is.';
