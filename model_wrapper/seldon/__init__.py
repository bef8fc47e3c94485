"""What seldon-core 1.17.1 needs to run well: its start, its workers, its protobuf modules."""
