-- The content of a post, as it is kept: see require_text(). Blank or too long, it is refused.
-- Errors: LX001.
create or replace function learn_internal.require_content(p_content text)
returns text
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_content text := learn_internal.require_text('p_content', p_content, 50000);
begin
  if coalesce(v_content, '') !~ E'\\S' then
    raise exception 'the content of a post has 1 to 50,000 characters, not all of them blank'
      using errcode = 'LX001',
        detail = format('p_content has %s characters, at most 50000', coalesce(length(p_content), 0)),
        hint = 'Shorten it, or post it in parts.';
  end if;
  return v_content;
end;
$$;
comment on function learn_internal.require_content(text) is
  'The content of a post, as it is kept; blank or longer than 50,000 characters, it is refused (LX001).';
