-- A number in a fact's properties, for metrics that sum it or keep its maximum;
-- a missing one is null.
-- Errors: LX001 the property is no number, or too large for a counter.
create or replace function learn_internal.number_property(p_properties jsonb, p_property text)
returns bigint
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_value jsonb := p_properties -> p_property;
begin
  if v_value is null or jsonb_typeof(v_value) = 'null' then
    return null;
  end if;
  if not learn_internal.is_countable(v_value) then
    raise exception 'the property % must be a number', p_property
      using errcode = 'LX001', detail = format('%s = %s', p_property, v_value),
        hint = 'A metric counts this property; send a JSON number of at most 1e12.';
  end if;
  return round(v_value::numeric);
end;
$$;
comment on function learn_internal.number_property(jsonb, text) is
  'A number in a fact''s properties, rounded to a whole one; null when missing.';
