-- A text in the form in which texts are kept that people see: composed (Unicode NFC), without blanks at its ends,
-- and without what cannot be seen; p_is_line: in one line.
create or replace function learn_internal.tidy_text(p_text text, p_is_line boolean default false)
returns text
language plpgsql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := p_text;
begin
  if learn_internal.text_problem(v_text, p_is_line) is null then
    return v_text;
  end if;
  v_text := replace(v_text, E'\r\n', E'\n');
  if p_is_line then
    v_text := regexp_replace(v_text, E'[\\u0009-\\u000D\\u0085\\u2028\\u2029]+', ' ', 'g');
  end if;
  v_text := regexp_replace(v_text, E'[\\u0001-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u2028\\u2029]|'
    || learn_internal.hidden_characters(), '', 'g');
  return learn_internal.trim_text(v_text);
end;
$$;
comment on function learn_internal.tidy_text(text, boolean) is
  'A text as texts are kept that people see, without what cannot be seen. p_is_line: in one line.';
