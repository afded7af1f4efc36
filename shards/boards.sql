-- What the proxy asks of a shard for answers that all shards give together.

set role learn_owner;

-- The hash of the learner who has what is named, for a call that names no learner. No row where this shard has none.
create or replace function learn_shard.hash_with(p_what text, p_value text)
returns setof integer
language plpgsql
stable
security definer                  -- codes are readable by no app role
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set jit = off
as $$
begin
  if p_what = 'p_tx_id' then
    return query select uuid_hash(t.user_id) from learn.transactions t where t.tx_id = p_value;
  elsif p_what = 'p_certificate_number' then
    return query select uuid_hash(c.user_id) from learn.nft_certificates c where c.certificate_number = p_value;
  else
    return query
    select uuid_hash(c.user_id) from learn.nft_certificates c
    where c.verify_code in (p_value, lower(regexp_replace(p_value, '[-[:space:]]', '', 'g')))
    order by c.verify_code = p_value desc;
  end if;
end;
$$;
comment on function learn_shard.hash_with(text, text) is
  'The hash of the learner who has what a parameter names: p_tx_id, p_certificate_number or p_code.';
grant execute on function learn_shard.hash_with(text, text) to learn_router;

reset role;
