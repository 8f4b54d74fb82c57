import { randomInt } from "node:crypto";

const adjectives =
  "able agile ample brave brisk bright calm candid civil clever crisp curious daring deft eager early earnest fair fleet fluent frank fresh gentle glad grand handy happy hardy honest humble jolly keen kind lively loyal lucid mellow merry mild modest neat nimble noble open patient plucky polite prompt proud quick quiet rapid ready robust serene sharp silent sincere smart snappy solid spry steady still stout sturdy subtle sunny sure swift tidy trusty upbeat vivid warm wise witty zesty".split(
    " ",
  );
const surnames =
  "abel agnesi aiken ampere babbage bardeen bell bernoulli bohr boole borg bose braun brunel cantor carnot cauchy cerf church codd curie darwin davies diffie dijkstra dirac edison engelbart erdos erlang euler faraday fermat fermi feynman floyd fourier franklin galois gauss germain gibbs godel goldberg gray hamilton hertz hilbert hollerith hopper huffman joule kelvin kepler kilby kleene knuth kruskal lamarr lamport laplace leibniz liskov lovelace lumiere maxwell meitner mendel metcalfe milner moore napier nash newell newton noether ohm pascal pasteur pauli perlis planck postel ptolemy ritchie rivest shannon sinclair tesla thompson turing volta watt weyl wilkes wirth zuse".split(
    " ",
  );

/** A name that `isTaken` does not know: adjective_surname, with a digit behind it when those run short. */
export function generateName(isTaken: (name: string) => boolean): string {
  for (let attempt = 0; ; attempt++) {
    const pair = `${adjectives[randomInt(adjectives.length)]}_${surnames[randomInt(surnames.length)]}`;
    const name = attempt < 6 ? pair : `${pair}${randomInt(10 ** (attempt - 5))}`;
    if (!isTaken(name)) return name;
  }
}
