-- Every seed file of a product begins with a call of this, so that one database holds one product:
-- the badges, rules and boards of a second one would reach the learners of the first. Who means to
-- mix them sets dbtool.mix to on, as `dbtool seed --mix` does.
-- Errors: LX010 the database holds another product.
create or replace function learn_internal.use_product(p_name text)
returns void
language plpgsql
volatile
set search_path = pg_catalog, pg_temp
as $$
declare
  v_held text;
begin
  if exists (select from learn.products p where p.name = p_name) then
    return;
  end if;

  lock table learn.products in share row exclusive mode;  -- of two at once, one sees the other
  select string_agg(p.name, ', ' order by p.added_at, p.name) into v_held from learn.products p;
  if v_held is not null and coalesce(current_setting('dbtool.mix', true), '') <> 'on' then
    raise exception 'the database holds another product'
      using errcode = 'LX010',
        detail = format('It holds %s; these are seeds of %s.', v_held, p_name),
        hint = 'Give each product a database of its own, or mix them knowingly: dbtool seed --mix, '
          'or set dbtool.mix = on.';
  end if;
  insert into learn.products (name) values (p_name) on conflict do nothing;
end;
$$;
comment on function learn_internal.use_product(text) is
  'Says that the database holds a product, or refuses because it holds another one.';
