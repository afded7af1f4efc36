-- Whether a text is a point in time.
create or replace function learn_internal.is_timestamp(p_text text)
returns boolean
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  return isfinite(p_text::timestamptz);
exception
  when invalid_datetime_format or datetime_field_overflow or invalid_parameter_value
    or invalid_time_zone_displacement_value
  then
    return false;
end;
$$;
comment on function learn_internal.is_timestamp(text) is
  'Whether a text is a (finite) point in time.';
