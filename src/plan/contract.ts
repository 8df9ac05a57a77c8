/** The columns of a dataset: the service's `columns`, or where it has none, `output_columns` of runtime.yaml. */
import type {ColumnKind, Project, Service} from "../definitions/model.js";
import {renderDtype, type Dtype} from "../definitions/dtype.js";
import type {Place, Problems} from "../errors.js";
import type {Producer} from "./compile.js";

export interface ContractColumn {
  readonly name: string;
  readonly kind?: ColumnKind | undefined;
  readonly dtype?: Dtype | undefined;
  /** Fills the column when nothing produces it. */
  readonly defaultSql: string | undefined;
  readonly place: Place;
}

export function contractOf(project: Project, service: Service, problems: Problems): readonly ContractColumn[] {
  const outputs = project.runtime.outputColumns;
  if (service.columns) {
    const defaults = new Map(outputs?.map((column) => [column.name, column.defaultSql]));
    return service.columns.map((column) => ({...column, defaultSql: column.defaultSql ?? defaults.get(column.name)}));
  }
  if (outputs) return outputs;
  problems.add("columns-missing", {service: service.name}, service.place);
  return [];
}

/** What a kind promises about the producer. */
const kindsOf = (producer: Producer): readonly ColumnKind[] => {
  if (producer.kind === "source") return producer.isSpine ? ["key", "event", "feature"] : ["feature"];
  return producer.kind === "default" ? ["key", "event", "feature", "aggregation", "enrichment", "derived"] : [producer.kind];
};

export function checkContract(service: Service, contract: readonly ContractColumn[], producers: ReadonlyMap<string, Producer>, problems: Problems): void {
  for (const column of contract) {
    const producer = producers.get(column.name);
    if (!producer) continue;
    const kinds = kindsOf(producer);
    if (column.kind && !kinds.includes(column.kind)) {
      problems.add("column-kind", {service: service.name, column: column.name, kind: column.kind, allowed: kinds}, column.place);
    }
    const produced = producer.kind === "default" ? undefined : producer.dtype;
    if (column.dtype && produced && !canBeDeclaredAs(column.dtype, produced, producer)) {
      const facts = {service: service.name, column: column.name, declared: renderDtype(column.dtype), produced: renderDtype(produced)};
      problems.add("column-dtype", facts, column.place);
    }
  }
}

/** Vectors are written with the declared precision, whatever that of their store; a function of the project's own makes what is declared. */
function canBeDeclaredAs(declared: Dtype, produced: Dtype, producer: Producer): boolean {
  const isFloats = (dtype: Dtype): boolean => dtype.kind === "vector" && dtype.name !== "TINYINT";
  if (producer.kind === "enrichment" && producer.isOwn) return isFloats(declared) || renderDtype(declared) === "FLOAT";
  if (produced.kind === "vector" && declared.kind === "vector" && isFloats(produced) && isFloats(declared)) return produced.dimension === declared.dimension;
  return renderDtype(declared) === renderDtype(produced);
}
