-- The two tracks of Web3Versity with four courses each, and what each course builds on. Seeding
-- again brings texts, places and rewards up to date; what a deployment has published or featured
-- stays as it is.
select learn_internal.use_product('web3versity');


-- A track has courses of every difficulty, and is none of "all beginner tracks".
with levels(key, rank, xp_multiplier) as (values ('mixed', 0, 1))
select learn_internal.merge_rows('learn.difficulties', '{key}', jsonb_agg(to_jsonb(l)),
  '{rank, xp_multiplier}') as difficulties
from levels l;

with tracks
  (slug, title, description, difficulty, estimated_hours, position, completion_xp)
as (values
  ('explorer', 'Explorer',
    'What blockchains are for and how to use them safely. No programming needed.',
    'mixed', 10.5, 1, 300),
  ('developer', 'Developer',
    'From the first smart contract to an application that people can trust.',
    'mixed', 19, 2, 500)
)
select learn_internal.merge_rows('learn.tracks', '{slug}', jsonb_agg(to_jsonb(t))) as tracks
from tracks t;

with courses
  (slug, track, title, description, category, language, difficulty, estimated_hours, icon_url,
   color, position, completion_xp, is_featured)
as (values
  ('blockchain-foundations', 'explorer', 'Blockchain foundations',
    'What a ledger is that nobody owns, and why its entries can be trusted.',
    'fundamentals', '', 'beginner', 2, '/icons/blocks.svg', '#5b6ee1', 1, 100, true),
  ('wallets-and-keys', 'explorer', 'Wallets and keys',
    'Make a wallet, keep its keys, and recognise those who want to have them.',
    'security', '', 'beginner', 2, '/icons/wallet.svg', '#3a9d8f', 2, 100, false),
  ('defi-essentials', 'explorer', 'DeFi essentials',
    'Stablecoins, exchanges and loans without a bank: how they work and how they fail.',
    'defi', '', 'intermediate', 3.5, '/icons/coins.svg', '#d97b2b', 3, 200, false),
  ('daos-and-governance', 'explorer', 'DAOs and governance',
    'How groups decide and spend together on chain.',
    'governance', '', 'advanced', 3, '/icons/vote.svg', '#8a4fbe', 4, 300, false),
  ('first-smart-contract', 'developer', 'Your first smart contract',
    'Write, test and deploy a small contract in Solidity.',
    'smart-contracts', 'solidity', 'beginner', 4, '/icons/contract.svg', '#2f6fb0', 5, 150, true),
  ('building-on-hedera', 'developer', 'Building on Hedera',
    'Accounts, tokens and topics of Hedera from JavaScript.',
    'hedera', 'javascript', 'intermediate', 4.5, '/icons/hedera.svg', '#1f1f1f', 6, 200, false),
  ('smart-contract-security', 'developer', 'Smart contract security',
    'The mistakes that have cost the most, how to find them and how to avoid them.',
    'security', 'solidity', 'advanced', 5, '/icons/shield.svg', '#b3323f', 7, 300, false),
  ('full-stack-dapp', 'developer', 'A complete dapp',
    'Contract, frontend, events and release of one application.',
    'dapps', 'javascript', 'advanced', 5.5, '/icons/dapp.svg', '#2a8c4a', 8, 400, false)
)
select learn_internal.merge_rows('learn.courses', '{slug}', jsonb_agg(
    to_jsonb(c) - 'track' || jsonb_build_object('track_id', t.id) order by c.position),
  '{is_featured}') as courses
from courses c
join learn.tracks t on t.slug = c.track;

with edges(course, prerequisite, is_required) as (values
  ('wallets-and-keys', 'blockchain-foundations', true),
  ('defi-essentials', 'wallets-and-keys', true),
  ('daos-and-governance', 'wallets-and-keys', true),
  ('daos-and-governance', 'defi-essentials', false),
  ('first-smart-contract', 'blockchain-foundations', false),
  ('building-on-hedera', 'first-smart-contract', true),
  ('building-on-hedera', 'wallets-and-keys', false),
  ('smart-contract-security', 'first-smart-contract', true),
  ('smart-contract-security', 'defi-essentials', false),
  ('full-stack-dapp', 'building-on-hedera', true),
  ('full-stack-dapp', 'smart-contract-security', true)
)
select learn_internal.merge_rows('learn.course_prerequisites',
  '{course_id, prerequisite_course_id}', jsonb_agg(jsonb_build_object(
    'course_id', c.id, 'prerequisite_course_id', p.id, 'is_required', e.is_required)))
  as prerequisites
from edges e
join learn.courses c on c.slug = e.course
join learn.courses p on p.slug = e.prerequisite;
