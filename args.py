"""Settings of similarity.py: edit them here, or give the flag of the same name."""

import os

file_path = os.path.dirname(os.path.abspath(__file__))

# Weights of a fine-tuned model: each is tried, first the checkpoint, then the folders.
model_dir = os.path.join(file_path, "albert_lcqmc_checkpoints/")
output_dir = model_dir
ckpt_name = os.path.join(model_dir, "model.ckpt")
one_click_dir = os.path.join(file_path, "lcqmc_output/")  # of run_classifier_lcqmc.sh
# What comes with this project, for who has no weights.
embedded_similarity_dir = os.path.join(file_path, "models/albert_mini_zh_similarity/")
embedded_dir = os.path.join(file_path, "models/albert_mini_zh/")

# Of models that have none beside them.
config_name = os.path.join(file_path, "albert_config/albert_config_tiny.json")
vocab_file = os.path.join(file_path, "albert_config/vocab.txt")

engine = "tensorflow"  # or onnx, tflite: model_dir is then an export of that format
batch_size = 128
max_seq_len = 128
gpu_memory_fraction = 0.8
layer_indexes = [-2]  # of sentence vectors: extract_features.py

# Training has flags of its own, see run_classifier.py; these names are kept for programs
# that read them.
data_dir = os.path.join(file_path, "data/")
num_train_epochs = 10
learning_rate = 0.00005
graph_file = os.path.join(model_dir, "graph")
