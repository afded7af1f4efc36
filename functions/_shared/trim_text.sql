-- A text composed (Unicode NFC) and without blanks of any kind at its ends.
create or replace function learn_internal.trim_text(p_text text)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_blanks constant text :=
    E'\\u0009-\\u000D\\u0020\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u2800\\u3000';
begin
  return regexp_replace(normalize(p_text, nfc), format('^[%1$s]+|[%1$s]+$', v_blanks), '', 'g');
end;
$$;
comment on function learn_internal.trim_text(text) is
  'A text composed (Unicode NFC) and without blanks at its ends.';
