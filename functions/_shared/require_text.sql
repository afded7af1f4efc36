-- A text that people will see, as it is kept: composed (Unicode NFC), without blanks at its ends. Of a text of
-- many lines, what cannot be seen is left out: it comes with what is pasted. In a name or a title (p_is_line) it
-- is refused, because names that look the same would differ.
-- Errors: LX001 it is too long, or has what cannot be seen.
create or replace function learn_internal.require_text(
  p_name text, p_text text, p_limit integer, p_is_line boolean default false
)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_text    text;
  v_problem text;
begin
  perform learn_internal.require_size(p_name, length(p_text), p_limit);
  if learn_internal.text_problem(p_text, p_is_line) is null then
    return p_text;
  end if;
  v_text := case when p_is_line then learn_internal.trim_text(p_text)
    else learn_internal.tidy_text(p_text) end;
  v_problem := learn_internal.text_problem(v_text, p_is_line);
  if v_problem is not null then
    raise exception '% cannot be shown as it is', p_name
      using errcode = 'LX001', detail = format('%s %s', p_name, v_problem),
        hint = 'Names and titles are one line of characters that can be seen; joiners are for emoji and '
          'scripts that need them.';
  end if;
  return v_text;
end;
$$;
comment on function learn_internal.require_text(text, text, integer, boolean) is
  'A text that people will see, as it is kept; LX001 where it cannot be. p_is_line: a name or a title.';
