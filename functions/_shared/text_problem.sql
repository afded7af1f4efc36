-- What is wrong with a text that people see, in words; null when nothing is. It is composed (Unicode NFC), has
-- no blanks at its ends, and no character that cannot be seen but line breaks and tabs; of such a text that is
-- one line (p_is_line), not even these. Whether it may be empty is not asked here.
create or replace function learn_internal.text_problem(p_text text, p_is_line boolean default false)
returns text
language plpgsql                  -- keeps its plan, and reads no further than it must
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_blanks constant text :=
    E'\\u0009-\\u000D\\u0020\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u2800\\u3000';
  v_hidden text;
begin
  -- mostly there is nothing else in it
  if p_text ~ (E'^([!-~]([ -~]*[!-~])?)?$' collate "C") then
    return null;
  end if;
  v_hidden := coalesce(
    substring(p_text from case when p_is_line then E'[\\u0001-\\u001F\\u007F-\\u009F\\u2028\\u2029]'
      else E'[\\u0001-\\u0008\\u000B-\\u001F\\u007F-\\u009F\\u2028\\u2029]' end),
    substring(p_text from learn_internal.hidden_characters()));
  return case
    when v_hidden is not null then format('has a character that cannot be seen: U+%s',
      lpad(upper(to_hex(ascii(v_hidden))), 4, '0'))
    when p_text ~ format('^[%1$s]|[%1$s]$', v_blanks) then 'has blanks at its ends'
    when p_text ~ format(E'^[%s\\u0300-\\u036F\\u180B-\\u180F\\u200C\\u200D\\uFE00-\\uFE0F]+$', v_blanks)
      then 'shows nothing'
    when p_text is not nfc normalized then 'is not composed as Unicode''s form NFC has it'
  end;
end;
$$;
comment on function learn_internal.text_problem(text, boolean) is
  'What is wrong with a text that people see, in words; null when nothing is. p_is_line: it is one line.';
