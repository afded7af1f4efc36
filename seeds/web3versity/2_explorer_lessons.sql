-- The lessons of the Explorer track. A lesson's content is a list of blocks: text, code, steps to
-- follow, questions with the number of the right option (0 first).
select learn_internal.use_product('web3versity');

with lessons
  (course, sequence_number, slug, title, lesson_type, xp_reward, estimated_minutes, content)
as (values
  ('blockchain-foundations', 1, 'what-a-blockchain-is', 'What a blockchain is', 'text', 20, 10,
    $${"blocks": [
      {"type": "text", "text": "A blockchain is a ledger of which everybody holds a copy. Entries are only ever added, so the copies can be compared, and nobody can quietly change the past."},
      {"type": "text", "text": "A bank keeps the ledger for you. A blockchain replaces that trust in one keeper by rules that each participant checks."}]}$$::jsonb),
  ('blockchain-foundations', 2, 'blocks-and-hashes', 'Blocks and hashes', 'interactive', 25, 15,
    $${"blocks": [
      {"type": "text", "text": "A hash is a short fingerprint of data. The smallest change of the data gives a wholly different one. Each block carries the hash of the block before it."},
      {"type": "steps", "steps": ["Type a word and look at its hash.", "Change one letter. How much of the hash is still the same?", "Change the first of three linked blocks and see which links break."]}]}$$),
  ('blockchain-foundations', 3, 'how-networks-agree', 'How networks agree', 'text', 25, 15,
    $${"blocks": [
      {"type": "text", "text": "Consensus is how computers that do not trust each other settle on one order of entries. With proof of work, whoever has computed the most decides; with proof of stake, those who have locked up value do. Hedera uses a hashgraph: nodes gossip about what they heard from whom, and each can work out the same order by itself."},
      {"type": "text", "text": "What they share: cheating costs more than it brings in."}]}$$),
  ('blockchain-foundations', 4, 'public-and-private-ledgers', 'Public and private ledgers',
    'text', 20, 10, $${"blocks": [
      {"type": "text", "text": "Anyone may read and write a public ledger. A private one admits known members, such as the companies of a supply chain. Ask first who must be able to check the entries: if the answer is one party, a database is enough."}]}$$),
  ('blockchain-foundations', 5, 'foundations-quiz', 'Quiz: foundations', 'quiz', 40, 10,
    $${"questions": [
      {"question": "What does a block contain of the block before it?", "options": ["Its hash", "All of its entries", "Its author's key"], "answer": 0},
      {"question": "Why is the past hard to change?", "options": ["It is encrypted", "Later blocks and all other copies would no longer fit", "Old blocks are deleted"], "answer": 1},
      {"question": "When is a database the better choice?", "options": ["When many strangers must agree", "When one party is trusted by all", "Never"], "answer": 1}]}$$),

  ('wallets-and-keys', 1, 'keys-and-addresses', 'Keys and addresses', 'text', 20, 10,
    $${"blocks": [
      {"type": "text", "text": "A wallet holds no coins. It holds a private key, which signs, and shows a public address, to which others send. On Ethereum an address begins with 0x; on Hedera an account looks like 0.0.12345."},
      {"type": "text", "text": "Whoever has the private key has the account. There is no office that gives it back."}]}$$),
  ('wallets-and-keys', 2, 'your-first-wallet', 'Your first wallet', 'interactive', 30, 20,
    $${"blocks": [
      {"type": "steps", "steps": ["Install a wallet from its publisher's own site.", "Switch it to the test network.", "Write the recovery phrase on paper, twice, and keep the papers in two places.", "Ask the faucet of this course for test HBAR and look at the transaction in HashScan."]},
      {"type": "text", "text": "Test coins are worth nothing: make your mistakes here."}]}$$),
  ('wallets-and-keys', 3, 'reading-what-you-sign', 'Reading what you sign', 'text', 25, 15,
    $${"blocks": [
      {"type": "text", "text": "A signature may pay once, or allow a contract to take from you for ever. Before signing read who asks, what it may take, and how much. An unlimited allowance to a contract that you do not know is a blank cheque."}]}$$),
  ('wallets-and-keys', 4, 'scams-quiz', 'Quiz: is this a scam?', 'quiz', 40, 10,
    $${"questions": [
      {"question": "Support writes to you and asks for your recovery phrase to unlock the account.", "options": ["Scam", "Normal"], "answer": 0},
      {"question": "A site offers to double the coins that you send within the hour.", "options": ["Scam", "A promotion"], "answer": 0},
      {"question": "Your wallet shows a token that you never bought, with a web address as its name.", "options": ["Visit the site to claim more", "Leave it alone"], "answer": 1}]}$$),

  ('defi-essentials', 1, 'stablecoins', 'Stablecoins', 'text', 25, 15,
    $${"blocks": [
      {"type": "text", "text": "A stablecoin promises to be worth a dollar. The promise rests on dollars in a bank, on other coins that are worth more than was issued, or on an algorithm. Ask what happens when everybody wants dollars on the same day."}]}$$),
  ('defi-essentials', 2, 'exchanges-without-an-order-book', 'Exchanges without an order book',
    'interactive', 35, 25, $${"blocks": [
      {"type": "text", "text": "A pool holds two tokens. Their amounts multiplied stay the same: x * y = k. Who takes from one side must add to the other, and so moves the price."},
      {"type": "steps", "steps": ["A pool holds 100 A and 400 B. What does one A cost?", "Take 20 A. How many B do you pay?", "Compare with the price before: the difference is the slippage."]}]}$$),
  ('defi-essentials', 3, 'lending-and-liquidation', 'Lending and liquidation', 'text', 30, 20,
    $${"blocks": [
      {"type": "text", "text": "Loans on chain are secured by more than they are worth, since nobody knows the borrower. When the collateral falls below a limit, anybody may repay the loan and take it with a discount: that is liquidation."}]}$$),
  ('defi-essentials', 4, 'where-the-yield-comes-from', 'Where the yield comes from', 'text', 30, 15,
    $${"blocks": [
      {"type": "text", "text": "Yield is paid by borrowers, by traders' fees, or by new tokens that dilute the old. If you cannot name who pays, it is you."}]}$$),
  ('defi-essentials', 5, 'defi-quiz', 'Quiz: DeFi', 'quiz', 50, 15,
    $${"questions": [
      {"question": "A pool holds 100 A and 400 B. Somebody adds 100 B. How many A may be taken, without fees?", "options": ["20", "25", "100"], "answer": 0},
      {"question": "Why is a loan on chain secured by more than its amount?", "options": ["The borrower is unknown and prices move", "The law asks for it", "It is not"], "answer": 0},
      {"question": "What may anybody do when the collateral of a loan is too low?", "options": ["Nothing", "Repay it and take the collateral with a discount", "Raise the interest"], "answer": 1}]}$$),

  ('daos-and-governance', 1, 'what-a-dao-is', 'What a DAO is', 'text', 25, 15,
    $${"blocks": [
      {"type": "text", "text": "A decentralised autonomous organisation is a treasury with rules in a contract. Members propose and vote; what is accepted is carried out by the contract, not by a board."}]}$$),
  ('daos-and-governance', 2, 'ways-to-vote', 'Ways to vote', 'text', 30, 20,
    $${"blocks": [
      {"type": "text", "text": "One token, one vote gives the rich the say. Quadratic voting makes each further vote for the same side dearer: n votes cost n * n. It needs proof that a voter is one person, or one becomes many."}]}$$),
  ('daos-and-governance', 3, 'a-proposal-from-start-to-end', 'A proposal from start to end',
    'interactive', 40, 25, $${"blocks": [
      {"type": "steps", "steps": ["Write what shall be done, by whom, and for how much.", "Collect opinions before the vote costs anything.", "Vote: is the quorum reached?", "Wait for the time lock, in which members may leave, and carry it out."]}]}$$),
  ('daos-and-governance', 4, 'when-governance-fails', 'When governance fails', 'text', 30, 15,
    $${"blocks": [
      {"type": "text", "text": "Votes can be borrowed for a block and used to empty a treasury. Count votes at a time before the proposal, delay what was accepted, and let somebody stop what is plainly theft."}]}$$),
  ('daos-and-governance', 5, 'governance-quiz', 'Quiz: governance', 'quiz', 60, 15,
    $${"questions": [
      {"question": "What do 4 votes cost in quadratic voting?", "options": ["4", "8", "16"], "answer": 2},
      {"question": "What is a time lock for?", "options": ["To pay interest", "To leave time between decision and execution", "To hide votes"], "answer": 1},
      {"question": "How is voting with borrowed tokens prevented?", "options": ["By counting what was held before the proposal", "By longer texts", "By higher fees"], "answer": 0}]}$$)
)
select learn_internal.merge_rows('learn.lessons', '{slug}', jsonb_agg(
  to_jsonb(l) - 'course' || jsonb_build_object('course_id', c.id)
  order by c.position, l.sequence_number)) as lessons
from lessons l
join learn.courses c on c.slug = l.course;
