-- Refuses an argument that is too large, and says what the limit is. None (null) is never too large.
-- Errors: LX001.
create or replace function learn_internal.require_size(
  p_name text, p_size bigint, p_limit bigint, p_unit text default 'characters'
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if p_size > p_limit then
    raise exception '% is too large', p_name
      using errcode = 'LX001',
        detail = format('%s has %s %s, at most %s', p_name, p_size, p_unit, p_limit),
        hint = 'Nothing was changed. Send less, or send it in parts.';
  end if;
end;
$$;
comment on function learn_internal.require_size(text, bigint, bigint, text) is
  'Refuses an argument that is too large (LX001); DETAIL has the limit.';
